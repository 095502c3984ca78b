"""The web application of 2018: `python -m gunicorn --workers 1 "benchmarks.stack2018.app:create_app()"`."""

from flask import Flask, Response, jsonify, request

from benchmarks.stack2018.model import load_models


def create_app() -> Flask:
    """The application, with every model of the weight folder loaded.

    Loading multiplies the published factors out, where an application of 2018 would have read the products from files
    that are eight times as large.
    """
    app = Flask(__name__)
    models = load_models()

    @app.route("/hashtags", methods=["POST"])
    def hashtags() -> Response:
        model = models[request.form["model"]]
        found = model.hashtags(request.files["photo"].read())
        return jsonify({"hashtags": [{"tag": tag, "confidence": confidence} for tag, confidence in found]})

    return app
