"""A registration, its changes, and the document that it comes in by (spec P7-P10, I2)."""
