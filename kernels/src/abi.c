#include "tapeless.h"

int32_t tapeless_abi_version(void) { return TAPELESS_ABI_VERSION; }
