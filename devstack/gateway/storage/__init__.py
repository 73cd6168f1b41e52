"""Supabase Storage, as far as the two official clients and their documentation use it.

A request walks through the files in this order: `routes` is the table of paths and turns every
error into Storage's answer · `caller` says who asks · `bodies`, `payloads` and `forms` read what
was sent, `names` and `media_types` say what may be · `buckets`, `uploads`, `downloads`, `objects`
and `links` do it, with what `receiving` and `signatures` have for several of them, within `limits`
· `bucket_rows`, `object_rows` and `listing` keep the rows, in transactions of the caller's role
that `desk` begins · `files` keeps the contents · `answers`, `delivery`, `ranges` and `errors` are
the forms on the wire.

A row is what exists. Its file is named by the row's version and by nothing that a client chose;
it is there before the row is and goes after it. Image transformation, resumable uploads, S3,
analytics and vector buckets are refused by name.
"""
