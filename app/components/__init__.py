"""Parts of screens that run in the browser, without a build step."""
