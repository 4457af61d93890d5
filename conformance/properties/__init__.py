"""The generated cases: requests drawn from the OpenAPI description, and other spellings of the valid one."""
