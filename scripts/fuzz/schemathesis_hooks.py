import schemathesis

# The body of a tus request is bytes.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
