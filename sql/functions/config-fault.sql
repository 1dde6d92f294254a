-- What is wrong with the config of a job, as the end of "has a config ..."; null if nothing is.
--
-- Handlers get it as JSON: JavaScript rounds whole numbers beyond 2^53, and what is nested too deep ends the process that
-- reads it.
create or replace function public.cloud_jobs_config_fault(config_param jsonb)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  large record;
begin
  if jsonb_typeof(config_param) <> 'object' then
    return 'that is not an object';
  elsif octet_length(config_param::text) > 262144 then
    return 'of more than 256 KiB';
  elsif jsonb_path_exists(config_param, 'strict $.**{200} ? (@.type() == "object" || @.type() == "array")') then
    return 'that is nested more than 200 levels deep';
  end if;
  with recursive node (path, value) as (
    select ''::text, config_param
    union all
    select node.path || child.name, child.value
    from node
    cross join lateral (
      select '.' || member.key as name, member.value
      from jsonb_each(case when jsonb_typeof(node.value) = 'object' then node.value else '{}' end) as member
      union all
      select '[' || (item.position - 1) || ']', item.value
      from jsonb_array_elements(case when jsonb_typeof(node.value) = 'array' then node.value else '[]' end)
        with ordinality as item (value, position)
    ) child
    where jsonb_path_exists(child.value,
      'strict $.** ? (@.type() == "number" && (@ > 9007199254740991 || @ < -9007199254740991))')
  )
  select left(ltrim(node.path, '.'), 200) as path, left(node.value::text, 100) as number into large
  from node
  where jsonb_typeof(node.value) = 'number'
    -- Larger ones are kept if they have a short form, such as 1e300.
    and case when abs(node.value::numeric) between 1e21 and 1e308
      then node.value::numeric::double precision::text::numeric <> node.value::numeric else true end
  limit 1;
  if found then
    return format('whose "%s" is %s, which JavaScript cannot keep exactly: write it as text', large.path, large.number);
  end if;
  return null;
end
$$;
