"""Files of registrations, read and recorded (I1, I4): reading, columns, what is lacking, the job."""
