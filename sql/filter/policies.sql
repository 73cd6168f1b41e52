alter table private.filter_characters enable row level security;
alter table private.filter_words enable row level security;
alter table private.filter_numerals enable row level security;
alter table private.filter_rules enable row level security;
