"""Commands that CDM's tokeniser knows, by what it does with them; all others are letters to it.

The names are those of KaTeX 0.6 with what im2markup added, its misspellings included. Whether a command is a symbol or a
letter matters in one place: within `\\mathrm` letters are written one character at a time, and so is `\\alpha`.
"""

from __future__ import annotations


def commands(names: str) -> frozenset[str]:
    """Each with its backslash."""
    return frozenset("\\" + name for name in names.split())


NAMED = commands("arcsin arccos arctan arg cos cosh cot coth csc deg dim exp hom ker lg ln log sec sin sinh tan tanh")
NAMED_WITH_LIMITS = commands("det gcd inf lim liminf limsup max min Pr sup")
BIG_SYMBOLS = commands(
    "int iint iiint oint coprod bigvee bigwedge biguplus bigcap bigcup intop prod sum bigotimes bigoplus bigodot "
    "bigsqcup smallint"
)
OPERATORS = NAMED | NAMED_WITH_LIMITS | BIG_SYMBOLS
FRACTIONS = commands("dfrac frac tfrac dbinom binom tbinom")
SIZED = commands("bigl Bigl biggl Biggl bigr Bigr biggr Biggr bigm Bigm biggm Biggm big Big bigg Bigg")
SIZES = commands(
    "tiny scriptsize footnotesize small normalsize large Large LARGE huge Huge textrm rm cal bf siptstyle boldmath it"
)
STYLES = commands("displaystyle textstyle scriptstyle scriptscriptstyle")
FONTS = commands(
    "mathrm mathit mathbf mathop stackrel mathbb mathcal mathfrak mathscr mathsf mathtt label comment hspace "
    "vspace atop fbox tag makebox raisebox framebox circle line put vphantom textup noalign Bbb bold frak"
)
FONT_ALIASES = {"\\Bbb": "\\mathbb", "\\bold": "\\mathbf", "\\frak": "\\mathfrak"}
ACCENTS = commands("acute grave ddot tilde bar breve check hat vec dot")
TEXTS = commands("text mbox hbox vbox")
_SHADED = {
    "blue": "ABCDE",
    "teal": "ABCDE",
    "green": "ABCDE",
    "gold": "ABCDE",
    "red": "ABCDE",
    "maroon": "ABCDE",
    "purple": "ABCDE",
}
_SHADES = " ".join(name + shade for name, shades in (_SHADED | {"mint": "ABC", "gray": "ABCDEFGHI"}).items() for shade in shades)
COLOURS = commands(f"color KaTeX blue orange pink red green gray purple kaBlue kaGreen {_SHADES}")
SYMBOLS = (
    frozenset('0123456789`|/@."=<>:,;)]?!([*+-~')
    | commands(
        "# & $ % _ | ! , : ; ( ) { } aleph forall hbar eixsts nabla flat ell natural clubsuit wp sharp diamondsuit Re "
        "heartsuit Im spadesuit dag ddag hslash triangledown lozenge circledS circledR measuredangle nexists mho Finv "
        "Game Bbbk backprime blacktriangle blacktriangledown blacksquare blacklozenge bigstar sphericalangle "
        "complement eth diagup diagdown square Box Diamond yen checkmark beth daleth gimel digamma varkappa angle "
        "infty prime triangle Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega neg lnot top bot emptyset "
        "varnothing surd partial backslash vert Vert vdots equiv prec succ sim perp preceq succeq simeq mid ll gg "
        "asymp parallel bowtie smile sqsubseteq sqsupseteq doteq frown ni propto vdash dashv owns widehat widetilde "
        "sp \\sim nonumber dots mit smallskip slash d c b M S thinspace hskip tt not boldmathr overleftarrow "
        "overrightarrow intf sf textbf L pii unitlength arowtor5linv hline mathbin nc underbrace o a e f g h i j k l "
        "m n sb do em dint intd longleftarrow Leftarrow Longleftarrow longrightarrow Rightarrow Longrightarrow "
        "leftrightarrow longleftrightarrow Leftrightarrow Longleftrightarrow mapsto longmapsto nearrow hookleftarrow "
        "hookrightarrow searrow leftharpoonup rightharpoonup swarrow leftharpoondown rightharpoondown nwarrow "
        "rightleftharpoons nless nleqslant nleqq lneq lneqq lvertneqq lnsim lnapprox nprec npreceq precnsim "
        "precnapprox nsim nshortmid nmid nvdash nvDash ntriangleleft ntrianglelefteq subsetneq varsubsetneq "
        "subsetneqq varsubsetneqq ngtr ngeqslant ngeqq gneq gneqq gvertneqq gnsim gnapprox nsucc nsucceq succnsim "
        "succnapprox ncong nshortparallel nparallel nVDash ntriangleright ntrianglerighteq nsupseteqq supsetneq "
        "varsupsetneq supsetneqq varsupsetneqq nVdash precneqq succneqq nsubseteqq nleftarrow nrightarrow nLeftarrow "
        "nRightarrow nleftrightarrow nLeftrightarrow vartriangle leqq leqslant eqslantless lesssim lessapprox "
        "approxeq lll lessgtr lesseqgtr lesseqqgtr doteqdot risingdotseq fallingdotseq backsim backsimeq subseteqq "
        "Subset sqsubset preccurlyeq curlyeqprec precsim precapprox vartriangleleft trianglelefteq vDash Vvdash "
        "smallsmile smallfrown bumpeq Bumpeq geqq geqslant eqslantgtr gtrsim gtrapprox ggg gtrless gtreqless "
        "gtreqqless eqcirc circeq triangleq thicksim thickapprox supseteqq Supset sqsupset succcurlyeq curlyeqsucc "
        "succsim succapprox vartriangleright trianglerighteq Vdash shortmid shortparallel between pitchfork varpropto "
        "blacktriangleleft therefore backepsilon blacktriangleright because llless gggtr eqsim Join Doteq "
        "dashrightarrow dashleftarrow leftleftarrows leftrightarrows Lleftarrow twoheadleftarrow leftarrowtail "
        "looparrowleft leftrightharpoons curvearrowleft circlearrowleft Lsh upuparrows upharpoonleft downharpoonleft "
        "multimap leftrightsquigarrow rightrightarrows rightleftarrows twoheadrightarrow rightarrowtail "
        "looparrowright curvearrowright circlearrowright Rsh downdownarrows upharpoonright downharpoonright "
        "rightsquigarrow leadsto Rrightarrow restriction approx cong ge geq gets gt in notin subset supset subseteq "
        "supseteq nsubseteq nsupseteq models leftarrow le leq lt ne neq rightarrow to ngeq nleq uparrow Uparrow "
        "downarrow Downarrow updownarrow Updownarrow quad enspace qquad space ldotp cdotp colon rmoustache rgroup "
        "urcorner lrcorner rangle rvert rVert rbrace rbrack rfloor rceil lmoustache lgroup ulcorner llcorner langle "
        "lvert lVert lbrace lbrack lfloor lceil mp ominus uplus sqcap ast sqcup bigcirc bullet ddagger wr amalg unlhd "
        "unrhd lessdot gtrdot lhd rhd dotplus smallsetminus Cap Cup doublebarwedge boxminus boxplus divideontimes "
        "ltimes rtimes leftthreetimes rightthreetimes curlywedge curlyvee circleddash circledast centerdot intercal "
        "doublecap doublecup boxtimes cdot circ div pm times cap cup setminus land lor wedge vee barwedge veebar odot "
        "oplus otimes oslash circledcirc boxdot bigtriangleup bigtriangledown dagger diamond star triangleleft "
        "triangleright ldots cdots ddots"
    )
    | {"\\ "}
)
MATHORDS = commands(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon "
    "phi chi psi omega varepsilon vartheta varpi varrho varsigma varphi imath jmath"
)
TEXT_SYMBOLS = frozenset("0123456789`!@*()-=+[]'\";:?/.,abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ~") | {"\\ "}
# Not of this grammar, but without a lasting effect on TeX, or unknown to it.
HARMLESS = commands(
    "varGamma varDelta varTheta varLambda varXi varPi varSigma varUpsilon varPhi varPsi varOmega boxed "
    "textcircled bm cancel degree celsius iiiint dotsc dotsb dotsm dotsi dotso bmod pmod mod substack middle "
    "limits nolimits implies impliedby iff sqrt overline underline rule over choose left right llbracket "
    "rrbracket"
)
# Of this grammar, but with effects on what is around them.
WIDE = commands(
    "label comment atop fbox tag makebox raisebox framebox circle line put noalign hline do em tt sf hskip unitlength cases ( )"
)
