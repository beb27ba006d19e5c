"""What `make bench` measures: each thing beside what it is held against, in one run."""
