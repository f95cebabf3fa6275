# cmake -DIN=file -DOUT=file.c -DNAME=symbol -DHEADER=contract.h -P embed.cmake: the file's bytes as a C
# array with a closing NUL, and their number as <symbol>_size. The header declares both.
file(READ "${IN}" hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
file(WRITE "${OUT}" "#include \"${HEADER}\"\n\nconst char ${NAME}[] = {\n${bytes}0};\n"
	"const unsigned long ${NAME}_size = ${size};\n")
