import pytest

from spamft.data import SMS_COLLECTION
from spamft.plumbing.fetch import DownloadError, Patience
from spamft.sources.messages import COLLECTIONS
from spamft.sources.uci import open_uci


def test_the_collection_is_downloaded_into_the_cache_dir(monkeypatch, tmp_path):
    asked = []

    def download(folder, *, patience, progress):
        asked.append((folder, patience.timeout, progress))
        path = tmp_path / "file.tsv"
        path.write_text('ham\t"a\nspam\tb"\n')
        return path

    monkeypatch.setattr("spamft.sources.uci.download", download)
    options = {"patience": Patience(timeout=3), "progress": False}
    whole = open_uci(tmp_path, lecture=False, **options)
    assert len(whole.df) == 2 and "the SMS Spam Collection" in whole.source
    assert len(open_uci(tmp_path, lecture=True, **options).df) == 1
    assert asked == [(tmp_path, 3, False)] * 2
    assert COLLECTIONS["uci"] is open_uci


def test_without_a_network_it_says_every_address(offline, tmp_path):
    options = {"patience": Patience(timeout=1, retries=0), "progress": False}
    with pytest.raises(DownloadError) as error:
        open_uci(tmp_path, lecture=False, **options)
    assert all(url in str(error.value) for url in SMS_COLLECTION.urls)
