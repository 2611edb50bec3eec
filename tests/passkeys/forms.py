"""Forms of a site that do less than ours."""

from allauth_2fa.forms import PasskeyForm


class IdleForm(PasskeyForm):
    """Takes whatever comes, and stores nothing."""

    def clean(self):
        return self.cleaned_data
