"""The operators' console: pages that the service renders for staff in a browser.

A request enters through `blueprint.py`. It has cookies of the console alone, never the token or the
cookie of an app. Reads run with the rights of the member of staff, so row level security decides
what a page shows. Actions call the RPCs for staff, which ask for a reason and write the audit log.
"""
