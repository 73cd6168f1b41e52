"""Limits of Storage."""

#: The limit of a hosted project that has chosen none.
FILE_BYTES = 50 * 1024 * 1024
#: Of a user's own metadata, of any other field of a form, and of a JSON body.
METADATA_BYTES = 1024 * 1024
FORM_FIELDS = 10
JSON_BYTES = 1024 * 1024
KEY_BYTES = 1024
BUCKET_NAME_LENGTH = 100
MEDIA_TYPE_LENGTH = 1000
HEADER_EXCERPT = 50
LISTED = 100
MOST_LISTED = 1500
UPLOAD_LINK_S = 2 * 60 * 60
#: A century: a later end of a link could not be written as a date.
LONGEST_LINK_S = 100 * 365 * 24 * 60 * 60
