import json

from spamft.cli.main import main


def test_an_audit_reads_as_text_and_as_json(message_file, capsys):
    assert main(["audit", str(message_file)]) == 0
    assert "40 (20 ham, 20 spam)" in capsys.readouterr().out
    assert main(["audit", str(message_file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 40
