"""The words that the sample shop is made of."""

from __future__ import annotations

FIRST_NAMES = (
    *("Anna", "Benedikt", "Chloé", "Dušan", "Élodie", "Fatima", "Grzegorz", "Hélène", "Ingrid", "João", "Käthe"),
    *("Łukasz", "Márta", "Niamh", "Óscar", "Peadar", "Quirin", "Renée", "Søren", "Tomáš", "Úrsula", "Víctor"),
    *("Wei", "Ximena", "Yūki", "Zoë", "Αλέξης", "Ольга", "陽子", "محمد", "Noa", "Ravi", "Siobhán", "Þóra"),
)
LAST_NAMES = (
    *("Almeida", "Bäcker", "Çelik", "d'Angelo", "Eriksson", "Fernández", "Größler", "Hansen", "Ibáñez", "Jansen"),
    *("Kowalski", "Lefèvre", "Müller-Lüdenscheidt", "Nguyễn", "O'Brien", "Papadopoulos", "Quispe", "Rossi"),
    *("Sørensen", "Tanaka", "Ünal", "van der Berg", "Wójcik", "Xu", "Yılmaz", "Žižek", "Петрова", "佐藤"),
)
CITIES = (
    *(("DE", "Köln"), ("DE", "Leipzig"), ("FR", "Besançon"), ("FR", "Lyon"), ("GB", "Leeds"), ("GB", "Cardiff")),
    *(("ES", "A Coruña"), ("IT", "Forlì"), ("NL", "'s-Hertogenbosch"), ("PL", "Łódź"), ("SE", "Malmö")),
    *(("DK", "Århus"), ("JP", "京都"), ("GR", "Αθήνα"), ("PT", "Évora"), ("IE", "Dún Laoghaire"), ("TR", "İzmir")),
)
NOTES = (
    "Called about the broken handle; sent a new one 🙂",
    "Wants invoices as PDF, not on paper.",
    'Says "no nuts, please" on every order.',
    "Moved in March; the old address is C:\\addresses\\old.txt",
    "Paid twice by mistake; 12,50 € given back.",
    "重要なお客様です。丁寧に対応してください。",
    "Line one.\nLine two: 100% happy -- keep it so.",
)
DELIVERY_NOTES = (
    "Leave it with the neighbour, 2nd floor ➜ left",
    "Ring twice; the dog is friendly 🐕",
    "Bitte beim Hausmeister abgeben",
    "Packstation 142",
    "Not before 18:00",
)
PRODUCTS = {
    "garden": ("Watering can", "Rose shears", "Seed mix “Sommerwiese”", "Rake", "Bird house", "Flower pot", "Hammock"),
    "kitchen": ("Crêpe pan", "Chef's knife", "Tea pot", "Rolling pin", "Ramen bowl 丼", "Whisk", "Cutting board"),
    "books": ("Cooking for Two", "Die Wand", "Le Petit Prince", "こころ", "Meditations", "Trees of Europe", "Poems"),
    "toys": ("Kite", "Wooden train", "Yo-yo", "Building blocks", "Teddy bear 🧸", "Marbles", "Puzzle 1000"),
    "sport": ("Yoga mat", "Skipping rope", "Tennis balls", "Running belt", "Bike pump", "Swim goggles", "Frisbee"),
    "office": ("Fountain pen", "Notebook A5", "Desk lamp", "Paper clips", "Stapler", "Ink “Königsblau”", "Ruler 30 cm"),
}
