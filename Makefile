# evinetd. `make demo` and `make check` install what they need, build and run; see README.md.

VERSION    := 0.1.0
PREFIX     ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
RUNSTATEDIR?= /run
SBINDIR    ?= $(PREFIX)/sbin
BINDIR     ?= $(PREFIX)/bin
MANDIR     ?= $(PREFIX)/share/man
UNITDIR    ?= $(PREFIX)/lib/systemd/system
DESTDIR    ?=
# Names of other super-servers that evinetd is to be installed under as well: PERSONALITIES="xinetd inetd"
PERSONALITIES ?=
BUILD      ?= build

CC         ?= cc
CFLAGS     ?= -O2 -g
PKG_CONFIG ?= pkg-config
# make V=1 shows the commands.
Q          := $(if $(V),,@)

HARDENING  := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -fno-strict-aliasing
LDHARDENING:= -pie -Wl,-z,relro,-z,now
WARNINGS   := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
              -Wwrite-strings -Wvla -Wformat=2
ifdef DEVELOPER
WARNINGS   += -Werror
endif
ifdef SANITIZE
HARDENING  := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDHARDENING:= -fsanitize=$(SANITIZE)
endif

# WRAP=0 leaves out evinetd-wrappers, which asks hosts.allow and hosts.deny by libwrap.
WRAP       ?= $(shell echo '\#include <tcpd.h>' | $(CC) $(CPPFLAGS) -E - >/dev/null 2>&1 && echo 1)
WRAPPERS   := $(if $(filter 1,$(WRAP)),$(BUILD)/evinetd-wrappers)

LIBS       := libevent_core libconfuse
ALL_CFLAGS  = -std=c11 -D_GNU_SOURCE -I. $(CFLAGS) $(HARDENING) $(WARNINGS) -MMD -MP \
              -DEVINET_VERSION='"$(VERSION)"' -DEVINET_SYSCONFDIR='"$(SYSCONFDIR)"' \
              -DEVINET_RUNSTATEDIR='"$(RUNSTATEDIR)"' -DEVINET_SBINDIR='"$(SBINDIR)"' \
              $(shell $(PKG_CONFIG) --cflags $(LIBS) 2>/dev/null)
ALL_LDLIBS  = $(shell $(PKG_CONFIG) --libs $(LIBS) 2>/dev/null) -pthread $(LDLIBS)

CORE_SRC   := $(sort $(wildcard core/*/*.c))
HANDLER_SRC:= $(sort $(wildcard handlers/*.c))
COMMON_SRC := $(sort $(wildcard cmd/common/*.c))
DAEMON_SRC := $(sort $(wildcard cmd/evinetd/*.c))
WRAP_SRC   := $(sort $(wildcard cmd/wrappers/*.c))
TOOL_SRC   := $(sort $(wildcard cmd/evinet/*.c))
UNIT_SRC   := $(sort $(wildcard test/unit/test_*.c))
PROBE_SRC  := $(sort $(wildcard test/tool/*.c test/examples/*.c test/corpus/*.c))

obj         = $(patsubst %.c,$(BUILD)/%.o,$(1))
CORE_OBJ   := $(call obj,$(CORE_SRC))
LIB_OBJ    := $(CORE_OBJ) $(call obj,$(HANDLER_SRC) $(COMMON_SRC))
UNITS      := $(patsubst test/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))
PROBES     := $(patsubst %.c,$(BUILD)/tool/%,$(notdir $(PROBE_SRC)))
PAGES      := $(patsubst packaging/man/%.in,$(BUILD)/man/%,$(wildcard packaging/man/*.in))

.PHONY: all demo check check-slow check-xinetd corpus lint san tsan bench bench-quick bench-pictures bench-tools fuzz man install uninstall dist clean setup tests FORCE
.DELETE_ON_ERROR:

all: $(BUILD)/evinetd $(BUILD)/evinet $(WRAPPERS) man

# What was built for another place, or by another compiler, is built anew.
FLAGS      := $(CC) $(CFLAGS) $(HARDENING) $(VERSION) $(SYSCONFDIR) $(RUNSTATEDIR) $(SBINDIR)

$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' > $@

$(BUILD)/%.o: %.c Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC    $<')
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/evinetd: $(LIB_OBJ) $(call obj,$(DAEMON_SRC))
	$(if $(V),,@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDHARDENING) $(LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

$(BUILD)/evinet: $(LIB_OBJ) $(call obj,$(TOOL_SRC))
	$(if $(V),,@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDHARDENING) $(LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

# A program of its own: libwrap brings a dozen libraries along that the daemon has no use for.
$(BUILD)/evinetd-wrappers: $(call obj,$(WRAP_SRC))
	$(if $(V),,@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDHARDENING) $(LDFLAGS) -o $@ $^ -lwrap $(LDLIBS)

$(BUILD)/mankeys: $(LIB_OBJ) $(call obj,packaging/man/mankeys.c cmd/evinetd/options.c)
	$(if $(V),,@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDHARDENING) $(LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

$(BUILD)/unit/%: $(BUILD)/test/unit/%.o $(BUILD)/test/unit/tap.o $(LIB_OBJ)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDHARDENING) $(LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

# Probes stand alone, so that they see what a stranger would see.
$(BUILD)/tool/%: $(BUILD)/test/tool/%.o
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDHARDENING) $(LDFLAGS) -o $@ $^ -pthread

# An example uses the C interface, and nothing of evinetd above it.
$(BUILD)/tool/%: $(BUILD)/test/examples/%.o $(CORE_OBJ)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDHARDENING) $(LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

# What readers of foreign files make of them.
$(BUILD)/tool/%: $(BUILD)/test/corpus/%.o $(CORE_OBJ)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK  $@')
	$(Q)$(CC) $(CFLAGS) $(LDHARDENING) $(LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

man: $(PAGES)

$(BUILD)/man/%: packaging/man/%.in packaging/man/generate.sh $(BUILD)/mankeys
	@mkdir -p $(@D)
	$(if $(V),,@echo '  MAN   $@')
	$(Q)sh packaging/man/generate.sh $(BUILD)/mankeys $(VERSION) $< > $@

# What measures is never slowed down by sanitizers or hardening, and its programs stand alone.
BENCH_CC    = $(CC) -std=c11 -D_GNU_SOURCE -I. -O2 $(WARNINGS)
BENCH_TOOLS:= $(addprefix $(BUILD)/bench/,load yard ballast.so idle tiny)

bench_load    = $(BENCH_CC) -o $@ $(filter test/bench/load%.c test/bench/net.c,$^)
bench_yard    = $(BENCH_CC) -o $@ $(filter test/bench/yard%.c test/bench/net.c,$^)
bench_ballast = $(BENCH_CC) -shared -fPIC -o $@ test/bench/ballast.c
bench_idle    = $(BENCH_CC) -static -o $@ test/bench/idle.c 2>/dev/null || $(BENCH_CC) -o $@ test/bench/idle.c
# Without a C library where we know how; with one it is slower for everybody.
bench_tiny    = $(CC) -O2 -DBARE -static -nostdlib -ffreestanding -fno-stack-protector -o $@ \
		test/bench/tiny.c 2>/dev/null || $(BENCH_CC) -o $@ test/bench/tiny.c

bench-tools: $(BENCH_TOOLS)

$(BENCH_TOOLS): $(wildcard test/bench/*.[ch]) Makefile
	@mkdir -p $(@D)
	$(if $(V),,@echo '  BENCH $@')
	$(Q)$(bench_$(basename $(@F)))

tests: all $(UNITS) $(PROBES) bench-tools

setup:
	@sh packaging/setup.sh build

demo:
	@sh packaging/setup.sh demo
	@$(MAKE) --no-print-directory all
	@BUILD=$(abspath $(BUILD)) bash etc/demo.sh

check:
	@sh packaging/setup.sh check
	@$(MAKE) --no-print-directory tests
	@BUILD=$(abspath $(BUILD)) bash test/run.sh

# What takes too long for every change: thousands of sessions in a row, hundreds at once.
check-slow:
	@sh packaging/setup.sh check
	@$(MAKE) --no-print-directory tests
	@BUILD=$(abspath $(BUILD)) bash test/run.sh slow

# The same files and clients for xinetd itself and for evinetd under its name.
check-xinetd:
	@sh packaging/setup.sh xinetd
	@$(MAKE) --no-print-directory all
	@BUILD=$(abspath $(BUILD)) bash test/xinetd/run.sh $(CASES)

# The whole suite once more with a build that notices memory errors and undefined behaviour.
san:
	@sh packaging/setup.sh check
	@$(MAKE) --no-print-directory tests BUILD=build-san SANITIZE=address,undefined CFLAGS='-O1 -g'
	@BUILD=$(abspath build-san) SANITIZED=1 bash test/run.sh all

# What threads share, and the start of programs by fork, with a build that notices races.
tsan:
	@sh packaging/setup.sh check
	@$(MAKE) --no-print-directory tests BUILD=build-tsan SANITIZE=thread CFLAGS='-O1 -g'
	@BUILD=$(abspath build-tsan) SANITIZED=1 bash test/run.sh unit close

# Real files of other super-servers, where EVINET_CORPUS has some: what becomes of each. "make check" only
# says whether all is well.
corpus:
	@sh packaging/setup.sh build
	@$(MAKE) --no-print-directory all $(BUILD)/tool/foreign
	@for script in test/corpus*.sh; do BUILD=$(abspath $(BUILD)) bash $$script || exit 1; done

lint:
	@sh packaging/setup.sh lint
	@$(MAKE) --no-print-directory man
	@BUILD=$(abspath $(BUILD)) bash test/lint.sh

# SECTIONS="spawn echo" runs only these; the head of test/bench/run.sh has their names.
bench bench-quick:
	@sh packaging/setup.sh bench
	@$(MAKE) --no-print-directory all bench-tools
	@BUILD=$(abspath $(BUILD)) bash test/bench/run.sh $(if $(filter bench-quick,$@),--quick) $(SECTIONS)

# Into the tree, for BENCHMARKS.md and README.md.
bench-pictures:
	@BUILD=$(abspath $(BUILD)) bash test/bench/run.sh --pictures

fuzz:
	@sh packaging/setup.sh build
	@sh packaging/setup.sh fuzz
	@bash test/fuzz/run.sh

install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 \
		$(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(SYSCONFDIR)/conf.d $(DESTDIR)$(UNITDIR)
	install -m 755 $(BUILD)/evinetd $(DESTDIR)$(SBINDIR)/evinetd
	install -m 755 $(BUILD)/evinet $(DESTDIR)$(BINDIR)/evinet
	@for name in $(PERSONALITIES); do \
		link=$(DESTDIR)$(SBINDIR)/$$name; \
		[ ! -e $$link ] || [ "$$(readlink $$link)" = evinetd ] || \
			{ echo "$$link is another program: not replaced" >&2; exit 1; }; \
		ln -sf evinetd $$link || exit 1; \
	done
	$(if $(WRAPPERS),install -m 755 $(WRAPPERS) $(DESTDIR)$(SBINDIR)/evinetd-wrappers)
	install -m 644 $(BUILD)/man/evinet.1 $(DESTDIR)$(MANDIR)/man1/
	install -m 644 $(BUILD)/man/evinetd.conf.5 $(DESTDIR)$(MANDIR)/man5/
	install -m 644 $(BUILD)/man/evinetd.8 $(DESTDIR)$(MANDIR)/man8/
	test -e $(DESTDIR)$(SYSCONFDIR)/evinetd.conf || \
		install -m 644 etc/evinetd.conf $(DESTDIR)$(SYSCONFDIR)/evinetd.conf
	install -m 644 etc/conf.d/*.sample $(DESTDIR)$(SYSCONFDIR)/conf.d/
	sed -e 's|@SBINDIR@|$(SBINDIR)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' \
		packaging/systemd/evinetd.service.in > $(DESTDIR)$(UNITDIR)/evinetd.service

uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/evinetd $(DESTDIR)$(SBINDIR)/evinetd-wrappers $(DESTDIR)$(BINDIR)/evinet $(DESTDIR)$(MANDIR)/man1/evinet.1 \
		$(DESTDIR)$(MANDIR)/man5/evinetd.conf.5 $(DESTDIR)$(MANDIR)/man8/evinetd.8 \
		$(DESTDIR)$(UNITDIR)/evinetd.service \
		$(patsubst etc/%,$(DESTDIR)$(SYSCONFDIR)/%,$(wildcard etc/conf.d/*.sample))
	@for name in xinetd inetd; do \
		[ "$$(readlink $(DESTDIR)$(SBINDIR)/$$name)" != evinetd ] || rm -f $(DESTDIR)$(SBINDIR)/$$name; \
	done
	@echo "kept: $(DESTDIR)$(SYSCONFDIR)/evinetd.conf"

dist:
	git archive --prefix=evinetd-$(VERSION)/ -o evinetd-$(VERSION).tar.gz HEAD

clean:
	rm -rf build build-san build-tsan build-fuzz evinetd-$(VERSION).tar.gz

-include $(shell find $(BUILD) -path $(BUILD)/bench -prune -o -type f -name '*.d' -print 2>/dev/null)
