def recording_page(record):
    raise NotImplementedError
