"""What runs where the accelerators are: the Celery app, the training loop, the networks."""
