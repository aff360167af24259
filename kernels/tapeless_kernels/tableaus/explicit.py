"""Explicit Runge-Kutta methods; to add one, write it here and name it in `EXPLICIT`."""

from .butcher import butcher
from .dense_weights import TSIT5_DENSE
from .dop853 import DOP853
from .interpolant import interpolant
from .verner import VERN6, VERN7

EULER = butcher(
    "euler",
    order=1,
    a=[],
    b="1",
    c="0",
    reference="Euler (1768), Institutiones calculi integralis, vol. 1, section 2, ch. 7",
)

MIDPOINT = butcher(
    "midpoint",
    order=2,
    a=["1/2"],
    b="0 1",
    c="0 1/2",
    embedded="1 0",
    embedded_order=1,
    reference="Runge (1895), Math. Ann. 46, 167-178, with Euler's method embedded; Hairer, Norsett "
    "and Wanner, Solving ODEs I (2nd ed., 1993), eq. II.1.4",
)

RALSTON2 = butcher(
    "ralston2",
    order=2,
    a=["2/3"],
    b="1/4 3/4",
    c="0 2/3",
    embedded="1 0",
    embedded_order=1,
    reference="Ralston (1962), Runge-Kutta methods with minimum error bounds, Math. Comp. 16, "
    "431-437, with Euler's method embedded",
)

RALSTON3 = butcher(
    "ralston3",
    order=3,
    a=["1/2", "0 3/4"],
    b="2/9 1/3 4/9",
    c="0 1/2 3/4",
    reference="Ralston (1962), Runge-Kutta methods with minimum error bounds, Math. Comp. 16, "
    "431-437; the solution of bosh3, without its error estimate",
)

RK4 = butcher(
    "rk4",
    order=4,
    a=["1/2", "0 1/2", "0 0 1"],
    b="1/6 1/3 1/3 1/6",
    c="0 1/2 1/2 1",
    stability_pair=(2, 1),
    stability_size=2.785,
    reference="Kutta (1901), Z. Math. Phys. 46, 435-453; Hairer, Norsett and Wanner, "
    "Solving ODEs I (2nd ed., 1993), table II.1.2, left",
)

RK4_38 = butcher(
    "rk4_38",
    order=4,
    a=["1/3", "-1/3 1", "1 -1 1"],
    b="1/8 3/8 3/8 1/8",
    c="0 1/3 2/3 1",
    reference="The 3/8 rule: Kutta (1901), Z. Math. Phys. 46, 435-453; Hairer, Norsett and Wanner, "
    "Solving ODEs I (2nd ed., 1993), table II.1.2, right",
)

HEUN21 = butcher(
    "heun21",
    order=2,
    a=["1"],
    b="1/2 1/2",
    c="0 1",
    embedded="1 0",
    embedded_order=1,
    reference="Heun (1900), Z. Math. Phys. 45, 23-38, with Euler's method embedded",
)

RKF45 = butcher(
    "rkf45",
    order=4,
    a=[
        "1/4",
        "3/32 9/32",
        "1932/2197 -7200/2197 7296/2197",
        "439/216 -8 3680/513 -845/4104",
        "-8/27 2 -3544/2565 1859/4104 -11/40",
    ],
    b="25/216 0 1408/2565 2197/4104 -1/5 0",
    c="0 1/4 3/8 12/13 1 1/2",
    embedded="16/135 0 6656/12825 28561/56430 -9/50 2/55",
    embedded_order=5,
    reference="Fehlberg (1969), NASA TR R-315, table III; the result of order 4 is kept. Hairer, "
    "Norsett and Wanner, Solving ODEs I (2nd ed., 1993), table II.5.1",
)

CASH_KARP = butcher(
    "cash_karp",
    order=5,
    a=[
        "1/5",
        "3/40 9/40",
        "3/10 -9/10 6/5",
        "-11/54 5/2 -70/27 35/27",
        "1631/55296 175/512 575/13824 44275/110592 253/4096",
    ],
    b="37/378 0 250/621 125/594 0 512/1771",
    c="0 1/5 3/10 3/5 1 7/8",
    embedded="2825/27648 0 18575/48384 13525/55296 277/14336 1/4",
    embedded_order=4,
    reference="Cash and Karp (1990), A variable order Runge-Kutta method for initial value problems "
    "with rapidly varying right-hand sides, ACM TOMS 16(3), 201-222",
)

BOSH3 = butcher(
    "bosh3",
    order=3,
    a=["1/2", "0 3/4"],
    b="2/9 1/3 4/9",
    c="0 1/2 3/4",
    embedded="7/24 1/4 1/3 1/8",
    embedded_order=2,
    reference="Bogacki and Shampine (1989), A 3(2) pair of Runge-Kutta formulas, "
    "Appl. Math. Lett. 2(4), 321-325",
)

DOPRI5_DENSE = interpolant(
    4,
    [
        "-12715105075/11282082432 0 87487479700/32700410799 -10690763975/1880347072 "
        "701980252875/199316789632 -1453857185/822651844 69997945/29380423"
    ],
    nested=True,
    reference="Hairer, Norsett and Wanner, Solving ODEs I (2nd ed., 1993), section II.6, DOPRI5; "
    "the interpolant of Shampine (1986), Math. Comp. 46, 135-150",
)

DOPRI5 = butcher(
    "dopri5",
    order=5,
    a=[
        "1/5",
        "3/40 9/40",
        "44/45 -56/15 32/9",
        "19372/6561 -25360/2187 64448/6561 -212/729",
        "9017/3168 -355/33 46732/5247 49/176 -5103/18656",
    ],
    b="35/384 0 500/1113 125/192 -2187/6784 11/84",
    c="0 1/5 3/10 4/5 8/9 1",
    embedded="5179/57600 0 7571/16695 393/640 -92097/339200 187/2100 1/40",
    embedded_order=4,
    stability_pair=(6, 5),
    stability_size=3.3066,
    interpolant=DOPRI5_DENSE,
    reference="RK5(4)7M of Dormand and Prince (1980), A family of embedded Runge-Kutta formulae, "
    "J. Comput. Appl. Math. 6(1), 19-26, p. 23; Hairer, Norsett and Wanner, "
    "Solving ODEs I (2nd ed., 1993), table II.5.2",
)

# Rounded to 40 decimals, enough for quadruple precision, from the 85 on which OrdinaryDiffEq.jl,
# diffrax and rklib agree; with all 85 the order conditions hold to 1e-83.
TSIT5 = butcher(
    "tsit5",
    order=5,
    a=[
        ["0.161"],
        [
            "-0.0084806554923569885444268742502307746751",
            "0.3354806554923569885444268742502307746751",
        ],
        [
            "2.8971530571054934321304325941929387649249",
            "-6.3594484899750748431481599123838256259527",
            "4.3622954328695814110177273181908868610278",
        ],
        [
            "5.3258648284392566044288779208405113178365",
            "-11.7488835640628278777471703397857729618874",
            "7.4955393428898362083046047845643581556587",
            "-0.0924950663617552492565020793320719161135",
        ],
        [
            "5.8614554429464200286592514869826478903943",
            "-12.9209693178471092917061186817833593954178",
            "8.1593678985761586431804007945392534851819",
            "-0.0715849732814009972245305425258297386913",
            "-0.0282690503940683829090030572127122414672",
        ],
    ],
    b=[
        "0.0964607668180652295181673131651287633371",
        "0.01",
        "0.4798896504144995747752495322905965199130",
        "1.3790085741037418931922748218568727707565",
        "-3.2900695154360806799010475857113638501157",
        "2.3247105240997739824153559183987657961091",
    ],
    c="0 0.161 0.327 0.9 0.9800255409045096857298102862870245954942 1",
    embedded=[
        "0.0946807557658394580747887625575892285612",
        "0.0091835655403432530967763639366453137598",
        "0.4877705284247615707855642599631228241517",
        "1.2342975669304789856551096738842376540355",
        "-2.7077123499835254548811099750593216706896",
        "1.8666284181705870357537193995662114986663",
        "1/66",
    ],
    embedded_order=4,
    stability_pair=(6, 5),
    stability_size=3.5068,
    interpolant=TSIT5_DENSE,
    reference="Tsitouras (2011), Runge-Kutta pairs of order 5(4) satisfying only the first column "
    "simplifying assumption, Comput. Math. Appl. 62(2), 770-775, table 1",
)

EXPLICIT = (
    EULER, MIDPOINT, HEUN21, RALSTON2, RALSTON3, BOSH3, RK4, RK4_38, RKF45, CASH_KARP, DOPRI5, TSIT5,
    VERN6, VERN7, DOP853,
)  # fmt: skip
