"""A small web app, in which people in several browser windows buy and sell on a running stack.

It is the worked example for the developers of the web app. The pages in `pages/` talk to Supabase
by supabase-js and to the service under `/api`; each module there uses one part of docs/api.md.
`app.create_app` serves the pages and passes `/api` on to the service, as the production proxy does.
"""
