DROP FUNCTION case_folded(text);
