"""Pages of the app: what stands where, and thin callbacks. Pictures come from ``figures``."""
