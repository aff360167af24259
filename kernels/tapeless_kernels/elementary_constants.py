"""What the elementary functions are made of in each float type: constants and polynomials."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from ._jit import inlined
from .ieee import fma, round_fraction

# 50 decimals: three float64 pieces of pi hold 48.
PI = Fraction("3.14159265358979323846264338327950288419716939937511")
LN2 = Fraction("0.69314718055994530941723212145817656807550013436026")
SQRT2 = Fraction("1.41421356237309504880168872420969807856967187537695")
# Where silu' = 0: 1 + x + e**x = 0, so x = -1 - W(1/e) and e**x = W(1/e).
W_OF_1_OVER_E = Fraction("0.27846454276107379510935873902298015543947748861974")

# Where gelu' = 0, and the normal density at 0.
GELU_ROOT = Fraction("-0.751791524693564457457904946779524039664471153")
NORMAL_AT_0 = Fraction("0.398942280401432677939946059934381868475858631164934657666")


class Constants(NamedTuple):
    """The numbers of one float type; integers are those of its bits."""

    zero: np.floating
    half: np.floating
    one: np.floating
    inf: np.floating
    nan: np.floating
    two: np.floating
    # exp
    log2_e: np.floating
    ln2: np.floating  # rounded, and the rest
    ln2_rest: np.floating
    shift: np.floating  # k + shift has the exponent bits of 2**k in its low bits
    shift_up: np.floating  # those of huge 2**k: what is tiny stays normal
    shift_down: np.floating  # those of tiny 2**k
    huge: np.floating
    tiny: np.floating  # 1 / huge
    exp_least: np.floating  # exp is 0 below
    exp_largest: np.floating  # and inf above
    vanished: np.floating  # x exp(-x) is 0 above
    exp_tail: tuple
    # tanh
    two_log2_e: np.floating
    half_ln2: np.floating
    saturated: np.floating  # tanh is 1 above
    half_exp_tail: tuple
    # silu'
    silu_root: np.floating  # rounded, and the rest
    silu_root_rest: np.floating
    exp_of_silu_root: np.floating
    # gelu
    normal_vanished: np.floating  # x**2 / 2 is `vanished` here
    half_over_root_pi: np.floating  # sqrt(1 / (2 pi)), the normal density at 0
    normal_scale: np.floating  # of the variable that maps 0 to infinity to -1 to 1
    normal_tail: tuple
    gelu_root: np.floating  # rounded, and the rest
    gelu_root_rest: np.floating
    gelu_slope: tuple
    # log
    least_normal: np.floating
    subnormal_factor: np.floating
    subnormal_k: np.floating
    log_tail: tuple
    # power
    exp2_least: np.floating  # 2**x is taken for 0 below
    exp2_largest: np.floating  # and for inf above
    exp2_slope: tuple
    log2_slope: tuple
    # sin
    pi: np.floating  # in three pieces
    pi_rest: np.floating
    pi_rest_of_rest: np.floating
    one_over_pi: np.floating
    round: np.floating  # k + round has k in its low bits
    sin_tail: tuple
    # bits
    round_bits: np.integer
    sqrt_half_bits: np.integer
    sign_bit: np.integer
    other_bits: np.integer
    exponent_at: np.integer  # the place of the exponent's lowest bit
    sign_at: np.integer


def constants(Real, Int, up, exp_least, exp_largest, vanished, saturated, polynomials):
    """Return the Constants of a float type; `up` is log2(huge), the others are explained there."""

    def rounded(exact):
        return round_fraction(exact, Real)

    def pieces(exact, n):
        parts = []
        for _ in range(n):
            parts.append(rounded(exact))
            exact -= Fraction(float(parts[-1]))
        return parts

    def typed(coefficients):
        return tuple(Real(c) for c in coefficients)

    info = np.finfo(Real)
    bits, bias = info.nmant + 1, info.maxexp - 1
    rounder = 1.5 * 2.0**info.nmant  # added to a small number, leaves it rounded in the low bits
    (ln2, ln2_rest), (pi, pi_rest, pi_rest_of_rest) = pieces(LN2, 2), pieces(PI, 3)
    silu_root, silu_root_rest = pieces(-1 - W_OF_1_OVER_E, 2)
    gelu_root, gelu_root_rest = pieces(GELU_ROOT, 2)
    return Constants(
        zero=Real(0),
        half=Real(0.5),
        one=Real(1),
        two=Real(2),
        inf=Real(np.inf),
        nan=Real(np.nan),
        log2_e=rounded(1 / LN2),
        ln2=ln2,
        ln2_rest=ln2_rest,
        shift=Real(rounder + bias),
        shift_up=Real(rounder + bias + up),
        shift_down=Real(rounder + bias - up),
        huge=Real(2.0**up),
        tiny=Real(2.0**-up),
        exp_least=Real(exp_least),
        exp_largest=Real(exp_largest),
        vanished=Real(vanished),
        exp_tail=typed(polynomials["exp_tail"]),
        two_log2_e=rounded(2 / LN2),
        half_ln2=rounded(LN2 / 2),
        saturated=Real(saturated),
        half_exp_tail=typed(2 * 2**i * c for i, c in enumerate(polynomials["exp_tail"])),
        silu_root=silu_root,
        silu_root_rest=silu_root_rest,
        exp_of_silu_root=rounded(W_OF_1_OVER_E),
        normal_vanished=Real(np.sqrt(2 * vanished)),
        half_over_root_pi=rounded(NORMAL_AT_0),
        normal_scale=Real(5.25),
        normal_tail=typed(polynomials["normal_tail"]),
        gelu_root=gelu_root,
        gelu_root_rest=gelu_root_rest,
        gelu_slope=typed(polynomials["gelu_slope"]),
        least_normal=info.smallest_normal,
        subnormal_factor=Real(2.0**bits),
        subnormal_k=Real(-bits),
        log_tail=typed(polynomials["log_tail"]),
        exp2_least=Real(info.minexp),
        exp2_largest=Real(info.maxexp - 0.5),
        exp2_slope=typed(polynomials["exp2_slope"]),
        log2_slope=typed(polynomials["log2_slope"]),
        pi=pi,
        pi_rest=pi_rest,
        pi_rest_of_rest=pi_rest_of_rest,
        one_over_pi=rounded(1 / PI),
        round=Real(rounder),
        sin_tail=typed(polynomials["sin_tail"]),
        round_bits=Real(rounder).view(Int),
        sqrt_half_bits=rounded(SQRT2 / 2).view(Int),
        sign_bit=Int(np.iinfo(Int).min),
        other_bits=Int(np.iinfo(Int).max),
        exponent_at=Int(info.nmant),
        sign_at=Int(info.bits - 1),
    )


# Minimax polynomials, by Remez's algorithm in 60 digits:
#   exp_tail    (e**r - 1 - r) / r**2 for |r| <= ln(2) / 2
#   log_tail    (log((1 + s) / (1 - s)) - 2 s) / s**3 in s**2, for |s| <= 1 / 3
#   exp2_slope  (2**d - 1) / d for |d| <= 1 / 2
#   log2_slope  log2((1 + s) / (1 - s)) / s in s**2, for |s| <= 0.172
#   sin_tail    (sin(r) - r) / r**3 in r**2, for |r| <= pi / 2
#   normal_tail (1 + 3/2 a) e**(a**2 / 2) N(-a) in t = (a - 21/4) / (a + 21/4) for all a >= 0, N the normal
#               distribution: as Shepherd and Laframboise (1981), Chebyshev approximation of
#               (1 + 2 x) exp(x**2) erfc(x), but nothing is rounded on the way to a; to 2**-27 and 2**-54.8
#   gelu_slope  gelu'(x) / (x - x0) around its zero x0, for |x - x0| <= 3 / 8; to 2**-28 and 2**-62
# The last two are truncated Chebyshev series. The others leave relative errors of 2**-26 in e**r - 1,
# 2**-27 in log and sin, 1e-7 in 2**d and 3e-8 in log2 in float32; of 2**-55, 2**-54, 2**-61, 2e-14 and
# 7e-15 in float64.
POLYNOMIALS32 = {
    "exp_tail": (
        0.50000000620861617955,
        0.16666542794501660855,
        0.041666281401113099832,
        0.0083666105406061706785,
        0.0013946496876706613517,
    ),
    "log_tail": (
        0.66666413262439791412,
        0.40021693075312104957,
        0.2799922453183489897,
        0.2802409608916220206,
    ),
    "exp2_slope": (
        0.69314721492222682943,
        0.24022234393336429233,
        0.055503083128398138835,
        0.009671891915880475975,
        0.0013407280453146112759,
    ),
    "log2_slope": (
        2.8853912775456924743,
        0.96147211044784395936,
        0.59894236173182385106,
    ),
    "sin_tail": (
        -0.16666659547654293061,
        0.0083330661675169249841,
        -0.00019809596694514442131,
        2.6057660397607187513e-6,
    ),
    "normal_tail": (
        0.65220804568159579252,
        -0.066025433329376597205,
        -0.006032022204130938057,
        0.049773897883385440659,
        -0.061346209884911243137,
        0.050329520087970841919,
        -0.031099146410060022086,
        0.014557412833397099014,
        -0.0047612905247473980996,
        0.00068242997369737321478,
        0.00023733182262799398711,
        -0.00011112218179858447446,
    ),
    "gelu_slope": (
        0.43149399451688166403,
        0.38828498243081049615,
        -0.018200177922625582371,
        -0.1140081058910427333,
        -0.014753640881498466832,
        0.019417143332400852224,
        0.0043343621386310522888,
        -0.0021877359689754556578,
    ),
}
POLYNOMIALS64 = {
    "exp_tail": (
        0.50000000000000055718,
        0.16666666666666686062,
        0.041666666666573329409,
        0.0083333333333145414343,
        0.001388888893248281067,
        0.00019841269903156574015,
        0.000024801504313589068942,
        2.7557227828273327514e-6,
        2.7626381713881546121e-7,
        2.5114516456321709682e-8,
    ),
    "log_tail": (
        0.66666666666677841428,
        0.39999999996004843761,
        0.28571429062576642123,
        0.22222192680627092543,
        0.1818282010679504298,
        0.15364201073748799494,
        0.135871702831623794,
        0.098986547947010544471,
        0.17748182833140543662,
    ),
    "exp2_slope": (
        0.693147180559951378,
        0.24022650695717194152,
        0.055504108664325015903,
        0.0096181291825848945049,
        0.0013333558250899356625,
        0.00015403439877865430416,
        0.000015252645277217174368,
        1.325854927126117972e-6,
        1.0210926558005506641e-7,
    ),
    "log2_slope": (
        2.8853900817774356689,
        0.96179669439701024028,
        0.57707788822150200783,
        0.41221346426294813706,
        0.31976244668480940619,
        0.28467118727522624138,
    ),
    "sin_tail": (
        -0.16666666666666665569,
        0.0083333333333331942161,
        -0.00019841269841209184776,
        2.755731921113113029e-6,
        -2.5052106872219724232e-8,
        1.6058939675706580979e-10,
        -7.6429906818093294048e-13,
        2.7211662451879772292e-15,
    ),
    "normal_tail": (
        0.65220804881764921511,
        -0.066025427905680258843,
        -0.0060322495517778949159,
        0.049773506963180582218,
        -0.061343463596874428499,
        0.050334105830931322524,
        -0.031111709266510431021,
        0.014537624680163738012,
        -0.0047338197370799133655,
        0.00072142373279138382484,
        0.00020632172794120007321,
        -0.00014739813756175533913,
        0.000018004893083977354233,
        0.000013828545058417083669,
        -5.1762085345792771769e-6,
        -1.0085861056264949507e-6,
        8.6886802058750033155e-7,
        5.7075507163515836622e-8,
        -1.3170508540379872567e-7,
        -1.9109084516936349514e-9,
        1.7516560761095453599e-8,
        2.0882874421271253094e-11,
        -1.4563186077111153629e-9,
        -7.1848818593765854945e-12,
    ),
    "gelu_slope": (
        0.43149399231404691995,
        0.38828498299055199786,
        -0.01819967639867123327,
        -0.11400823329722171415,
        -0.014771522148222503141,
        0.019421679838189902088,
        0.0045392283778825425176,
        -0.0022395380681211224555,
        -0.00074482680391905936884,
        0.00018633974756538826333,
        0.000086158950499212399116,
        -0.000011214400475894795733,
        -7.7440103262928690235e-6,
        4.3301651822172494613e-7,
        5.5068355410916902955e-7,
        -2.3634321798541716693e-9,
    ),
}

FLOAT32 = constants(np.float32, np.int32, 64, -104, 89, 120, 9.1, POLYNOMIALS32)
FLOAT64 = constants(np.float64, np.int64, 512, -746, 710, 800, 20, POLYNOMIALS64)


# sum(c[i] x**i) by Estrin's scheme: a lane loop waits for the longest chain of fma.
@inlined
def polynomial3(c, x):
    """c[0] + ... + c[2] x**2."""
    return fma(c[2], x * x, fma(c[1], x, c[0]))


@inlined
def polynomial4(c, x):
    """c[0] + ... + c[3] x**3."""
    return fma(fma(c[3], x, c[2]), x * x, fma(c[1], x, c[0]))


@inlined
def polynomial5(c, x):
    """c[0] + ... + c[4] x**4."""
    x2 = x * x
    return fma(fma(c[4], x2, fma(c[3], x, c[2])), x2, fma(c[1], x, c[0]))


@inlined
def polynomial6(c, x):
    """c[0] + ... + c[5] x**5."""
    x2 = x * x
    low = fma(fma(c[3], x, c[2]), x2, fma(c[1], x, c[0]))
    return fma(fma(c[5], x, c[4]), x2 * x2, low)


@inlined
def polynomial8(c, x):
    """c[0] + ... + c[7] x**7."""
    x2 = x * x
    low = fma(fma(c[3], x, c[2]), x2, fma(c[1], x, c[0]))
    return fma(fma(fma(c[7], x, c[6]), x2, fma(c[5], x, c[4])), x2 * x2, low)


@inlined
def polynomial9(c, x):
    """c[0] + ... + c[8] x**8."""
    x2 = x * x
    x4 = x2 * x2
    low = fma(fma(c[3], x, c[2]), x2, fma(c[1], x, c[0]))
    high = fma(fma(c[7], x, c[6]), x2, fma(c[5], x, c[4]))
    return fma(fma(c[8], x4, high), x4, low)


@inlined
def polynomial10(c, x):
    """c[0] + ... + c[9] x**9."""
    x2 = x * x
    x4 = x2 * x2
    low = fma(fma(c[3], x, c[2]), x2, fma(c[1], x, c[0]))
    high = fma(fma(c[7], x, c[6]), x2, fma(c[5], x, c[4]))
    return fma(fma(fma(c[9], x, c[8]), x4, high), x4, low)


@inlined
def polynomial12(c, x):
    """c[0] + ... + c[11] x**11."""
    x2 = x * x
    x4 = x2 * x2
    high = fma(fma(c[11], x, c[10]), x2, fma(c[9], x, c[8]))
    low = fma(fma(c[3], x, c[2]), x2, fma(c[1], x, c[0]))
    low = fma(fma(fma(c[7], x, c[6]), x2, fma(c[5], x, c[4])), x4, low)
    return fma(high, x4 * x4, low)


@inlined
def polynomial16(c, x):
    """c[0] + ... + c[15] x**15."""
    x2 = x * x
    x4 = x2 * x2
    low = fma(fma(c[11], x, c[10]), x2, fma(c[9], x, c[8]))
    high = fma(fma(fma(c[15], x, c[14]), x2, fma(c[13], x, c[12])), x4, low)
    low = fma(fma(c[3], x, c[2]), x2, fma(c[1], x, c[0]))
    low = fma(fma(fma(c[7], x, c[6]), x2, fma(c[5], x, c[4])), x4, low)
    return fma(high, x4 * x4, low)


@inlined
def polynomial24(c, x):
    """c[0] + ... + c[23] x**23."""
    x2 = x * x
    x4 = x2 * x2
    x8 = x4 * x4
    low = fma(fma(c[11], x, c[10]), x2, fma(c[9], x, c[8]))
    middle = fma(fma(fma(c[15], x, c[14]), x2, fma(c[13], x, c[12])), x4, low)
    low = fma(fma(c[19], x, c[18]), x2, fma(c[17], x, c[16]))
    high = fma(fma(fma(c[23], x, c[22]), x2, fma(c[21], x, c[20])), x4, low)
    low = fma(fma(c[3], x, c[2]), x2, fma(c[1], x, c[0]))
    low = fma(fma(fma(c[7], x, c[6]), x2, fma(c[5], x, c[4])), x4, low)
    return fma(fma(high, x8, middle), x8, low)
