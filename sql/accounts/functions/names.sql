-- The public names that only staff may have. Others would believe them.
create function private.claims_authority(p_name text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  v_office constant text := private.lookalike_pattern(array[
    'admin', 'admins', 'administration', 'administrator', 'administrators', 'customercare',
    'customerservice', 'customerservices', 'helpcenter', 'helpcentre', 'helpdesk', 'helpteam',
    'moderation', 'moderator', 'moderators',
    'staff', 'support', 'trustandsafety', 'trustsafety'
  ]);
  -- These are names of things, too. So they count only in a name that says nothing else.
  v_thing constant text := private.lookalike_pattern(array['marketplace', 'mod', 'mods']);
  v_other constant text := private.lookalike_pattern(array[
    'a', 'account', 'accounts', 'agent', 'an', 'and', 'au', 'aus', 'aussie', 'australia',
    'australian', 'billing', 'bot', 'buyer', 'chat', 'chief', 'contact', 'customer', 'desk',
    'dispute', 'disputes', 'for', 'fraud', 'from', 'head', 'help', 'here', 'hq', 'info', 'lead',
    'live', 'manager', 'market', 'member', 'mr', 'ms', 'my', 'of', 'official', 'online', 'only',
    'order', 'orders', 'our', 'payment', 'payments', 'payout', 'payouts', 'real', 'refund',
    'refunds', 'rep', 'security', 'seller', 'senior', 'service', 'services', 'site', 'sub',
    'super', 'system', 'team', 'tech', 'technical', 'the', 'user', 'verified', 'web', 'x', 'your'
  ]);
  v_market constant text := private.lookalike_pattern(array[
    'aussiemarket', 'aussiesmarket', 'aussimarket', 'aussymarket', 'auzziemarket', 'ozziemarket',
    'ozzymarket'
  ]);
  v_beside constant text := format('(?:%s|%s)*', v_other, v_office);
  v_folded constant text := (private.fold_text(p_name)).folded;
begin
  return exists (
    with reading as (
      select string_to_array(
        btrim(regexp_replace(written.name, '[^a-z0-9$@!|]+', ' ', 'g')), ' '
      ) as words
      from (
        -- A digit or a sign stands for a letter, or beside a word.
        values
        (v_folded),
        (regexp_replace(v_folded, '\m[0-9]+|[0-9]+\M', '', 'g')),
        (translate(v_folded, '$@!|', '    '))
      ) as written (name)
    )

    select
    from reading
    cross join lateral generate_subscripts(reading.words, 1) as first
    cross join lateral generate_series(first, cardinality(reading.words)) as last
    cross join lateral private.lookalike_form(
      array_to_string(reading.words[first:last], '')
    ) as claim
    where
      claim ~ v_market
      or claim ~ format('^%s%s%s$', v_beside, v_office, v_beside)
      or (
        last - first + 1 = cardinality(reading.words)
        and claim ~ format('^%s*%s%s*$', v_other, v_thing, v_other)
      )
  );
end;
$$;
comment on function private.claims_authority is 'Return true if a public name claims to be the marketplace, its support, staff, admins or moderators: in words that stand alone, joined or apart, and in signs that look alike.';

create function private.lookalike_pattern(p_words text[])
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select '(?:' || string_agg(private.lookalike_form(known.word), '|') || ')'
    from unnest(p_words) as known (word)
  );
end;
$$;
comment on function private.lookalike_pattern is 'Return a pattern that matches the look-alike form of each of these words.';

create function private.lookalike_form(p_text text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- "rn" looks like m, "vv" like w and "cl" like d. A letter may stand twice.
  return regexp_replace(
    translate(
      replace(replace(replace(p_text, 'rn', 'm'), 'vv', 'w'), 'cl', 'd'),
      '0134578lj|!$@', 'oieastbiiiisa'
    ),
    '(.)\1+', '\1', 'g'
  );
end;
$$;
comment on function private.lookalike_form is 'Return a folded text with one letter for all signs that look like it. Two texts that look alike have the same form.';

create function private.default_name()
returns text
language plpgsql
volatile
set search_path = ''
as $$
begin
  return 'member-' || substr(md5(gen_random_uuid()::text), 1, 6);
end;
$$;
comment on function private.default_name is 'Return a name for a user who has given none that is allowed.';
