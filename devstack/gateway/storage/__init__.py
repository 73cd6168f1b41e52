"""Supabase Storage, as far as the two official clients and their documentation use it.

A request enters by `routes`, which turns every error into Storage's JSON. Its handler reads and
writes rows in transactions of the caller's role (`StorageContext`) and contents in `files`.

An object exists if it has a row. Its file is named by the row's version, never by a client. The
file is written before the row and removed after it. Storage answers 501 to image transformation,
resumable uploads, S3, and analytics and vector buckets, and names the missing feature.
"""
