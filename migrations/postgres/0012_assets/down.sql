DROP TABLE asset_revisions;
DROP TABLE assets;
