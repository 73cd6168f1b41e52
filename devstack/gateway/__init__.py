"""One port that speaks what the clients of Supabase speak; one package per service."""
