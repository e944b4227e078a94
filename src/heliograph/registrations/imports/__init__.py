"""Files of registrations, read and recorded (spec I1, I4): reading, columns, what is lacking, the job."""
