"""The handwritten cases, one module a question that the owner of a token endpoint would ask."""
