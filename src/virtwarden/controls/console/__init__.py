"""VNC, SPICE, serial, migration and storage channels."""
