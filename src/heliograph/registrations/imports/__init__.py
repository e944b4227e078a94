"""Imports of registration files (I1, I4): reading, columns, missing set-up, the job."""
