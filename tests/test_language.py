from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bias.language import looks_english

ENGLISH = {
    "wire": "The council voted on Monday to raise the property tax by three percent, the first rise in eight years, "
    "after a hearing that lasted until midnight.",
    "column": "I have never understood why anyone would want to live in a city where the buses stop at nine and "
    "the mayor thinks that this is something to be proud of.",
    "quotes": '"We were told that nothing could be done," said Ms. Okafor, who has run the bakery for 20 years. '
    '"So we did it ourselves, and they have not called us since."',
    "sport": "Lindqvist scored twice in the second half as Rovers came from behind to beat United 3-2, their first "
    "win away from home since the start of November.",
    "capitals": "THE MINISTRY SAID ON FRIDAY THAT THE TALKS WITH THE UNIONS WOULD BE HELD AGAIN NEXT WEEK, BUT THAT NO "
    "DATE HAD BEEN SET FOR A VOTE ON THE OFFER.",
    "names": "Andrzej Wiśniewski, Łukasz Żółtowski and Małgorzata Święcicka of the Sejm's committee met François "
    "Lefèvre and Jürgen Großmann in Kraków to talk about the border before the summit that opens on Tuesday.",
}

FOREIGN = {
    "German": "Der Stadtrat hat am Montag nach einer langen Sitzung beschlossen, die Grundsteuer um drei Prozent zu "
    "erhöhen, und will das Geld für die Sanierung der Schulen in den Vororten ausgeben.",
    "French": "Le conseil municipal a voté lundi soir, après un long débat, une hausse de trois pour cent de la taxe "
    "foncière, dont le produit servira à rénover les écoles des quartiers du nord de la ville.",
    "Spanish": "El ayuntamiento aprobó el lunes, tras un largo debate, una subida del tres por ciento del impuesto "
    "sobre los inmuebles, y destinará el dinero a la reforma de las escuelas de los barrios del norte.",
    "Portuguese": "A câmara municipal aprovou na segunda-feira, depois de um longo debate, um aumento de três por "
    "cento do imposto sobre os imóveis, que vai pagar as obras nas escolas dos bairros do norte.",
    "Italian": "Il consiglio comunale ha approvato lunedì, dopo un lungo dibattito, un aumento del tre per cento "
    "dell'imposta sugli immobili, che servirà a pagare i lavori nelle scuole dei quartieri a nord.",
    "Dutch": "De gemeenteraad heeft maandag na een lang debat besloten om de belasting op huizen met drie procent te "
    "verhogen, en wil het geld gebruiken voor de scholen in het noorden van de stad.",
    "Swedish": "Kommunfullmäktige beslutade i måndags efter en lång debatt att höja fastighetsavgiften med tre procent "
    "och pengarna ska gå till att rusta upp skolorna i stadens norra delar.",
    "Polish": "Rada miasta po długiej debacie zdecydowała w poniedziałek o podniesieniu podatku od nieruchomości o "
    "trzy procent, a pieniądze mają zostać przeznaczone na remont szkół w północnych dzielnicach.",
    "Turkish": "Belediye meclisi pazartesi günü uzun süren bir oturumun ardından emlak vergisini yüzde üç artırma "
    "kararı aldı ve gelirin kuzey mahallelerindeki okulların onarımı için kullanılacağını duyurdu.",
    "Indonesian": "Dewan kota pada hari Senin setelah sidang yang panjang memutuskan untuk menaikkan pajak bangunan "
    "sebesar tiga persen, dan uang itu akan dipakai untuk memperbaiki sekolah di bagian utara kota.",
    "Vietnamese": "Hội đồng thành phố hôm thứ hai đã quyết định tăng thuế nhà đất thêm ba phần trăm sau một cuộc tranh "
    "luận kéo dài, và số tiền đó sẽ được dùng để sửa các trường học ở phía bắc.",
    "Russian": "Городской совет в понедельник решил поднять налог на недвижимость на три процента.",
    "Greek": "Το δημοτικό συμβούλιο αποφάσισε τη Δευτέρα να αυξήσει τον φόρο ακινήτων.",
    "Arabic": "قرر مجلس المدينة يوم الاثنين رفع الضريبة على العقارات بنسبة ثلاثة في المئة.",
    "Hindi": "नगर परिषद ने सोमवार को संपत्ति कर तीन प्रतिशत बढ़ाने का फैसला किया।",
    "Chinese": "市议会星期一经过长时间辩论后决定将房产税提高百分之三。",
    "Japanese": "市議会は月曜日、長い審議の末に固定資産税を三パーセント引き上げることを決めた。",
}


@pytest.mark.parametrize("kind", ENGLISH)
def test_english_of_every_kind_passes(kind: str) -> None:
    assert looks_english(ENGLISH[kind])


@pytest.mark.parametrize("language", FOREIGN)
@pytest.mark.parametrize("times", [1, 40])
def test_other_languages_are_noticed(language: str, times: int) -> None:
    assert not looks_english(" ".join([FOREIGN[language]] * times))


@pytest.mark.parametrize("text", ["", "12,400 (+3.1 %)", "Thousands march across Europe", "Olá, mundo", "北京"])
def test_in_doubt_a_text_is_english(text: str) -> None:
    assert looks_english(text)


def test_a_foreign_quotation_does_not_make_an_english_article_foreign() -> None:
    article = " ".join(ENGLISH.values())
    assert looks_english(f"{FOREIGN['German']} {article}")
    assert looks_english(f"{FOREIGN['Russian']} {article}")


def test_one_english_sentence_does_not_make_a_foreign_article_english() -> None:
    assert not looks_english(" ".join([FOREIGN["Spanish"]] * 20 + [ENGLISH["wire"]]))
    assert not looks_english(" ".join([FOREIGN["Arabic"]] * 20 + [ENGLISH["wire"]]))


@settings(max_examples=100, deadline=None)
@given(st.text(), st.sampled_from(sorted(ENGLISH)))
def test_any_text_is_judged(text: str, kind: str) -> None:
    assert looks_english(text) in (True, False)
    assert looks_english(ENGLISH[kind] * 10 + text[:20])
