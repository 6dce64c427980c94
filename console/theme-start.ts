// Runs before the page is drawn, so that a chosen theme does not flash; without a choice the style sheet follows the system.

const chosenTheme = localStorage.getItem('hairpin-theme');
if (chosenTheme === 'light' || chosenTheme === 'dark') document.documentElement.dataset['theme'] = chosenTheme;
