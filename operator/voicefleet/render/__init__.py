"""From a fleet to the exact objects in the cluster: one file and one pure function per child.

What the planner asks for:

* `children.render_static_children(fleet)`: everything that is not scaled, with the
  ConfigMap of the newest media revision and the Redis Deployment.
* `agents_replicaset.render_agents_replicaset(fleet)`: the workers of the newest revision,
  whose word is `agents_revision(fleet)`.
* `media_replicaset.render_media_replicaset(fleet, server)`: one media server in the newest
  revision, whose word is `media_revision(fleet)`.
* `speech_deployment.render_speech_deployment(fleet, pool)` for each pool.
* `evaluation_deployment.render_evaluation_deployment(fleet, fleet.spec.evaluation)`.
* `secrets.secret_purposes(fleet)`, `secrets.secret_key(fleet, purpose)` and
  `secrets.render_secret(fleet, purpose)`.

Every manifest is finished: identity, labels, owner and fingerprint. A scaled workload comes
without `spec.replicas`, ready for a template apply; `objects.with_replicas(manifest, n)`
makes the form in which it is created. The one workload that carries `replicas` is Redis,
whose single pod nobody scales.

Laws: the same fleet gives the same bytes; a manifest holds only fields that we own, in the
form in which the API server stores them; no secret value is ever in one.
"""
