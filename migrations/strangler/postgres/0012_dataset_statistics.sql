-- side: new
ANALYZE strangler_dataset
