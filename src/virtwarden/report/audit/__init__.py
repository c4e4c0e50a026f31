"""What audit logs tell, as text and pictures: pure renderers of events and sessions."""
