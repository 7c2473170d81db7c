\set contact random(1, {contacts})
\set kind random(0, 9)
\set number random(0, 1000000000000000)
WITH said AS MATERIALIZED (
    SELECT '{workspace}'::uuid AS workspace_id, :number::bigint AS number, ({kinds})[:kind::int + 1] AS kind,
        lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7' AS stamp,
        ('01900001-0000-7000-8000-' || lpad(to_hex(:contact::bigint), 12, '0'))::uuid AS contact_id
), named AS MATERIALIZED (
    SELECT (stamp || lpad(to_hex(number * 16), 19, '0'))::uuid AS interaction_id, said.* FROM said
    WHERE NOT EXISTS (SELECT FROM interactions i WHERE i.workspace_id = said.workspace_id AND i.source = 'pgbench' AND i.external_id = 's-' || said.number)
), held AS MATERIALIZED (
    SELECT l.id, l.score FROM leads l JOIN named ON l.workspace_id = named.workspace_id AND l.contact_id = named.contact_id
    WHERE l.status = 'open' ORDER BY l.id FOR NO KEY UPDATE OF l
), seen AS MATERIALIZED (
    SELECT s.lead_id, s.model_id, s.model_version, s.score, row_number() OVER () AS place FROM lead_scores s
    WHERE s.workspace_id = '{workspace}' AND s.lead_id IN (SELECT id FROM held)
        AND s.model_id IN (({first})[:kind::int + 1], ({second})[:kind::int + 1])
), recorded AS (
    INSERT INTO interactions (workspace_id, id, kind, occurred_at, recorded_at, contact_id, properties, source, external_id, evidence)
    SELECT n.workspace_id, n.interaction_id, n.kind, now(), now(), c.id, '{}', 'pgbench', 's-' || n.number, 'human'
    FROM named n JOIN contacts c ON c.workspace_id = n.workspace_id AND c.id = n.contact_id
), entered AS (
    INSERT INTO score_entries (workspace_id, id, lead_id, model_id, model_version, rule, points, cause, interaction_id, at, recorded_at)
    SELECT n.workspace_id, (n.stamp || lpad(to_hex(n.number * 16 + s.place), 19, '0'))::uuid, s.lead_id, s.model_id, s.model_version,
        'email_opened_each', 3, 'interaction', n.interaction_id, now(), now()
    FROM named n CROSS JOIN seen s
), scored AS (
    UPDATE lead_scores l SET score = l.score + 3, shares = l.shares || '[]'::jsonb, tally = l.tally || ''::bytea,
        evaluated_at = now(), due_at = now() + interval '15 days'
    FROM seen s WHERE l.workspace_id = '{workspace}' AND l.lead_id = s.lead_id AND l.model_id = s.model_id
), told AS (
    INSERT INTO events (workspace_id, id, type, contact_id, lead_id, data, at)
    SELECT n.workspace_id, (n.stamp || lpad(to_hex(n.number * 16 + s.place), 19, '0'))::uuid, 'lead.scored', n.contact_id, s.lead_id,
        jsonb_build_object('model_id', s.model_id, 'model', 'Model 0', 'model_version', s.model_version, 'score', s.score + 3,
            'before', s.score, 'grade', 'cold', 'grade_before', 'cold'), now()
    FROM named n CROSS JOIN seen s
)
UPDATE leads l SET score = s.score, version = version + 1, updated_at = now()
FROM (SELECT lead_id, max(score) + 3 AS score FROM seen GROUP BY lead_id) s
WHERE l.workspace_id = '{workspace}' AND l.id = s.lead_id AND l.score < s.score;
