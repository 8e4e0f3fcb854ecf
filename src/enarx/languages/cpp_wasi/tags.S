# The tags by which C++ throws and longjmp jumps: no library of zig defines them.
	.globl	__cpp_exception
	.tagtype	__cpp_exception i32
__cpp_exception:

	.globl	__c_longjmp
	.tagtype	__c_longjmp i32
__c_longjmp:
