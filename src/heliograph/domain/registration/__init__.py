"""A registration, its changes, and the document that it comes in by (P7-P10, I2)."""
