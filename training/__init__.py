"""From photos in HARRISON's layout to published weights. Imports `hashstagram`, never the reverse."""
