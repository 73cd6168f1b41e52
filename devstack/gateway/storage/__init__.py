"""Supabase Storage, as far as the two official clients and their documentation use it.

A request enters by `routes`, which turns every error into Storage's answer; its handler reads and
writes rows in transactions of the caller's role (`StorageContext`) and contents in `files`.

A row is what exists. Its file is named by the row's version and by nothing that a client chose; it
is there before the row and is removed after it. Image transformation, resumable uploads, S3,
analytics and vector buckets are refused by name.
"""
