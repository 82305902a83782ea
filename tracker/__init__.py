"""How each training example is learned: a database-backed tracker and curriculum API."""
