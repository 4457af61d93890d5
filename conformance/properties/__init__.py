"""The generated cases: drawn from the OpenAPI description, other spellings of the valid request, and near misses."""
