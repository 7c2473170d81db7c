DROP TABLE ad_responses;
DROP TABLE confirmation_links;
DROP TABLE confirmations;
