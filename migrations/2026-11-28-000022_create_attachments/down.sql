DROP TABLE attachment_parts;
DROP TABLE attachments;
