"""A site without any page of ours."""

urlpatterns: list[object] = []
