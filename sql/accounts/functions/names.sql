-- Only staff may have these public names, because people would trust them.
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
    'moderation', 'moderator', 'moderators', 'staff', 'support', 'trustandsafety', 'trustsafety'
  ]);
  -- These are names of things, too. So they count only in a name that says nothing else.
  v_thing constant text := private.lookalike_pattern(array['marketplace', 'mod', 'mods']);
  v_other constant text := private.lookalike_pattern(array[
    'account', 'accounts', 'agent', 'aus', 'aussie', 'australia', 'australian', 'billing', 'bot',
    'buyer', 'chat', 'chief', 'contact', 'customer', 'desk', 'dispute', 'disputes', 'fraud',
    'head', 'help', 'here', 'info', 'lead', 'live', 'manager', 'market', 'member', 'official',
    'online', 'only', 'order', 'orders', 'our', 'payment', 'payments', 'payout', 'payouts', 'real',
    'refund', 'refunds', 'security', 'seller', 'senior', 'service', 'services', 'site', 'sub',
    'super', 'system', 'team', 'tech', 'technical', 'the', 'user', 'verified', 'web', 'your'
  ]);
  -- Short words make other names if they are joined, such as Staffan and Moda.
  v_short constant text := private.lookalike_pattern(array[
    'a', 'an', 'and', 'au', 'for', 'from', 'hq', 'mr', 'ms', 'my', 'of', 'rep', 'x'
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
        (translate(v_folded, '$@!|', '    ')),
        -- Letters that stand alone are one word.
        (regexp_replace(v_folded, '\m([a-z]) (?=[a-z]\M)', '\1', 'g'))
      ) as written (name)
    )

    select
    from reading
    where
      private.lookalike_form(array_to_string(reading.words, ' ')) ~ format(
        '^(?:(?:%1$s|%2$s+) )*%2$s*%3$s%2$s*(?: (?:%1$s|%2$s+))*$', v_short, v_other, v_thing
      )
      -- An office or the marketplace counts in any run of words.
      or exists (
        select
        from generate_subscripts(reading.words, 1) as first
        cross join lateral generate_series(first, cardinality(reading.words)) as last
        cross join lateral private.lookalike_form(
          array_to_string(reading.words[first:last], '')
        ) as claim
        where
          claim ~ format('^%s*%s', v_other, v_market)
          or claim ~ format('^%s%s%s$', v_beside, v_office, v_beside)
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
-- A user may insert their own profile without a name. The default then runs with their rights.
grant execute on function private.default_name to authenticated;

alter table public.users alter column display_name set default private.default_name();
