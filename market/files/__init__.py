"""Keep the files of users: photos of listings, evidence, avatars and proofs of address.

An upload enters at `uploads`. It leaves as an object in Storage and as a row, which `repository`
writes. The object comes first, so a row never names an object that does not exist. A crash between
the two leaves an object without a row, which `reconciliation` removes.
"""
