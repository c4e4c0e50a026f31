"""What a guest may send and receive on the wire."""
