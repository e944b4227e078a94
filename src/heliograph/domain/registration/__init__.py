"""A registration, its changes, and the document that it is sent in (P7-P10, I2)."""
